// How text and numbers of others are shown, and what goes into files.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, duration, money, percent, short, timeTicks } from '../../src/show/number';
import { csv } from '../../src/show/save';
import { line, pretty, value, visible } from '../../src/show/text';

test('characters that deceive are made visible, and others are left alone', () => {
  assert.equal(visible('a\u0000b\u001b[31m\u202eevil\ud800'), 'a\u2400b\u241b[31m[U+202E]evil[U+D800]');
  const innocent = 'tab\tand\nline, \u05e9\u05dc\u05d5\u05dd, \ud83d\udc69\u200d\ud83d\ude80, e\u0301';
  assert.equal(visible(innocent), innocent);
});

test('a line is short however long the text is, and stays on one line', () => {
  assert.equal(line('a\n\n b', 10), 'a b');
  assert.equal(line('x'.repeat(5_000_000), 3), 'xxx\u2026');
});

test('values that JSON lacks keep all their digits', () => {
  assert.equal(value({ $int: '9223372036854775807' }), '9223372036854775807');
  assert.equal(value({ $double: 'NaN' }), 'NaN');
  assert.equal(value({ $bytes: 'AAE=' }), 'base64: AAE=');
  assert.equal(value(['stop']), '["stop"]');
  assert.equal(value(null), '');
  assert.equal(pretty('{not json'), '{not json');
});

test('numbers have three digits that count, on both sides of each border', () => {
  assert.deepEqual([0, 999, 999.6, 1000, 12_345, 999_960, 1_250_000].map(short), ['0', '999', '1.00k', '1.00k', '12.3k', '1.00M', '1.25M']);
  assert.deepEqual([0, 999, 1500, 999_499, 999_500, 59_940_000, 59_960_000, 3_600_000_000, 200_000_000_000].map(duration),
    ['0 \u00b5s', '999 \u00b5s', '1.5 ms', '999 ms', '1.00 s', '59.9 s', '1m 00s', '1h 00m', '2d 7h']);
  assert.deepEqual([0, 0.0000123, 0.00996, 0.5, 0.997, 12.3, 1234].map((n) => money(n)), ['$0', '$0.000012', '$0.010', '$0.500', '$1.00', '$12.30', '$1,234']);
  assert.equal(money(2, 'EUR'), 'EUR 2.00');
  assert.deepEqual([1023, 1024, 1_048_576, 15_728_640].map(bytes), ['1023 B', '1.0 KiB', '1.0 MiB', '15 MiB']);
  assert.deepEqual([percent(1, 3), percent(1, 100), percent(0, 5), percent(1, 0)], ['33%', '1.0%', '0%', '\u2013']);
  assert.deepEqual([percent(1, 9_999), percent(9_998, 9_999), percent(199, 200), percent(5, 5)], ['<0.1%', '99.9%', '99.5%', '100%']);
});

test('ticks are few and round, also for stretches that are empty or endless', () => {
  assert.deepEqual(timeTicks(0, 10e6, 5), [0, 2e6, 4e6, 6e6, 8e6, 10e6]);
  assert.deepEqual(timeTicks(5, 5, 5), []);
  assert.deepEqual(timeTicks(0, Infinity, 5), []);
  for (const length of [1, 50, 1e3, 1e6, 3e8, 1e10, 1e13]) assert.ok(timeTicks(0, length, 8).length <= 20, String(length));
});

test('a CSV cell cannot break out of its cell, nor be run by a spreadsheet', () => {
  assert.equal(csv([['a', 'b'], ['x,"y"\n', 1], ['=1+1', undefined], ['@x', -2]]), 'a,b\r\n"x,""y""\n",1\r\n\'=1+1,\r\n\'@x,-2\r\n');
});
