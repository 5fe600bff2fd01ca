// Sessions that test the page: hostile content, and 100,000 spans.

import type { Message } from '../src/api/types';
import { Random } from './random';
import { Writer, type Recorded } from './writer';

export const HOSTILE_ID = 'hostile-<img src=x onerror="window.pwned=1">/../%2e';
export const BIG_ID = 'big-100k';

const SCRIPT = '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"><svg onload="window.pwned=1">';
const RTL = '\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627';
const NUL = 'before\u0000after\u0007\u001b[31mred\ud800';

export function hostile(startUs: number): Recorded {
  const w = new Writer(666, startUs, HOSTILE_ID, SCRIPT, `${SCRIPT}agent`);
  w.session.user = `</td>${RTL}`;
  w.session.tags = ['{{7*7}}', '"><script>window.pwned=1</script>'];
  const root = w.open('session', SCRIPT, undefined, w.session.agent, [
    { key: '__proto__', value: 'polluted' },
    { key: SCRIPT, value: SCRIPT },
    { key: 'nul', value: NUL },
    { key: 'rtl', value: RTL },
    { key: 'emoji', value: '\ud83d\udc69\u200d\ud83d\ude80\ud83c\uddea\ud83c\uddfa\u2764\ufe0f' },
    { key: 'huge', value: 'x'.repeat(2_000_000) },
    { key: 'bytes', value: { $bytes: 'AAECAwQ=' } },
    { key: 'int', value: { $int: '9223372036854775807' } },
    { key: 'nan', value: { $double: 'NaN' } },
    { key: 'zalgo', value: 'Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA'.repeat(50) },
    { key: 'link', value: 'javascript:window.pwned=1' },
  ]);
  const place = { id: root.span_id, agent: w.session.agent };
  w.say(root.span_id, 'user', { type: 'text', text: `${SCRIPT}\n${RTL}\n${NUL}` });
  w.chat(place, 'gpt-5', 40, [{ type: 'text', text: `</script></div>${'long '.repeat(40_000)}` }, { type: 'media', name: SCRIPT }]);
  w.tool(place, SCRIPT, 100_000, { input: SCRIPT }, `\u2028${SCRIPT}`, { error: [SCRIPT, `${SCRIPT}${NUL}`] });
  // Parents in a circle, and one that is not there.
  const a = w.open('action', 'circle a', place, 'a');
  const b = w.open('action', 'circle b', { id: a.span_id, agent: 'a' }, 'a');
  a.parent_id = b.span_id;
  w.open('action', 'orphan', { id: '0000000000000bad', agent: 'a' }, 'a');
  w.log(root.span_id, 'ERROR', SCRIPT);
  w.pass(1000);
  w.close(root, [SCRIPT, SCRIPT]);
  return w.session;
}

/** One session of 100,000 spans. */
export function big(startUs: number): Recorded {
  const w = new Writer(100_000, startUs, BIG_ID, 'crawler', 'crawler');
  w.session.captured = false;
  const random = new Random(1);
  const root = w.open('session', 'invoke_agent crawler', undefined, 'crawler');
  while (w.session.spans.length < 99_990) {
    const agent = `worker ${random.whole(1, 8)}`;
    const turn = w.open('workflow', `batch ${w.session.spans.length}`, { id: root.span_id, agent: 'crawler' }, agent);
    for (let i = 0; i < 24; i++) {
      const span = w.open(i % 6 === 0 ? 'llm' : 'tool', i % 6 === 0 ? 'chat gpt-5-mini' : 'execute_tool fetch_page', { id: turn.span_id, agent }, agent);
      if (i % 6 === 0) span.model = 'gpt-5-mini';
      else span.tool = 'fetch_page';
      w.now += random.whole(500, 90_000);
      w.close(span, random.chance(0.001) ? ['HttpError', '503'] : undefined);
    }
    w.close(turn);
  }
  w.close(root);
  const none: Message[] = [];
  w.session.messages = none;
  return w.session;
}
