// `npm run fixture -- [--port 4390] [--sessions 250] [--empty]`

import { parseArgs } from 'node:util';

import { serve } from './server';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4390' },
    sessions: { type: 'string', default: '250' },
    empty: { type: 'boolean', default: false },
  },
});
await serve(Number(values.port), { sessions: Number(values.sessions), empty: values.empty });
console.log(`invented data: http://127.0.0.1:${values.port}/`);
