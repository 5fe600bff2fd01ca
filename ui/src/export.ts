// An exported session: the page of one session, with the session inside the file.
//
// The recording stands in the element `recording` as JSON. The file opens without a server and sends
// nothing: its policy allows this script and no connection.

import './app.css';

import { mount } from 'svelte';

import { RecordedSession } from './api/source';
import type { Recording } from './api/types';
import ExportShell from './shell/ExportShell.svelte';
import { start } from './shell/theme.svelte';

start();
const target = document.getElementById('app');
const text = document.getElementById('recording')?.textContent;
if (!target || !text) throw new Error('this file holds no recording');
const recording = JSON.parse(text) as Recording;
document.title = `${recording.session.id} \u00b7 recorded by spanreel`;
mount(ExportShell, { target, props: { id: recording.session.id, source: new RecordedSession(recording) } });
