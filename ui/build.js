// Builds `dist`: the page, and `export.html`, the template of an exported session.
//
// The template is one file. Its policy names the hash of its only script and of its only style sheet,
// so nothing else in it can run, whatever the recording holds. The server puts the recording, as JSON
// with every `<` written as \u003c, where `__SPANREEL_RECORDING__` stands.
//
// The build depends on the sources and the lock file alone: built again, the files are the same.

import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

const MOST_GZIP = 200_000;
const PLACEHOLDER = '__SPANREEL_RECORDING__';
const root = import.meta.dirname;
const dist = join(root, 'dist');

await rm(dist, { recursive: true, force: true });
await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'warn' });
await writeFile(join(dist, 'export.html'), await template());
await writeFile(join(dist, 'LICENSES.txt'), await licences());
await weigh();

async function template() {
  const { output } = await build({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    plugins: [svelte()],
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      // One style sheet of its own: otherwise the script would carry it, and the policy would refuse it.
      cssCodeSplit: false,
      reportCompressedSize: false,
      rolldownOptions: { input: join(root, 'src/export.ts'), output: { format: 'iife', codeSplitting: false } },
    },
  });
  const script = output.find((file) => file.type === 'chunk').code.replaceAll('</script', '<\\/script');
  const style = String(output.find((file) => file.fileName.endsWith('.css')).source).replaceAll('</style', '<\\/style');
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>A session, recorded by spanreel</title>
<style>${style}</style>
</head>
<body>
<div id="app"></div>
<script type="application/json" id="recording">${PLACEHOLDER}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hash(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** The licences of what is in the built files. */
async function licences() {
  const texts = [];
  for (const name of ['svelte', 'uplot']) {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    texts.push(`${name} ${version}, ${license}\n\n${await readFile(join(folder, file), 'utf8')}`);
  }
  return texts.join('\n----\n\n');
}

async function weigh() {
  let sum = 0;
  for (const name of (await readdir(dist, { recursive: true })).sort()) {
    const file = join(dist, name);
    if (!(await stat(file)).isFile()) continue;
    const packed = gzipSync(await readFile(file), { level: 9 }).length;
    sum += packed;
    console.log(`${String(packed).padStart(8)}  ${name}`);
  }
  console.log(`${String(sum).padStart(8)}  bytes of gzip in all, of at most ${MOST_GZIP}`);
  if (sum > MOST_GZIP) throw new Error('dist is too large');
}
