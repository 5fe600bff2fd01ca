// The page that `spanreel serve` opens.

import './app.css';

import { mount } from 'svelte';

import { start } from './shell/theme.svelte';
import Shell from './shell/Shell.svelte';

start();
const target = document.getElementById('app');
if (!target) throw new Error('index.html has no element with the id "app"');
mount(Shell, { target });
