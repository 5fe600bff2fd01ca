// The page: `index.html` and what it needs, with names that hold a hash of their content.
//
// In development `/api` is answered by the fixture server, or by the one that SPANREEL_UI_URL names.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    assetsDir: 'assets',
    // Nothing as data: address: the page is served with default-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/api': process.env['SPANREEL_UI_URL'] ?? 'http://127.0.0.1:4390' },
  },
});
