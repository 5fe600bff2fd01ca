// The pipeline of the fixture server: books that add up, one destination in trouble.

import type { Pipeline } from '../src/api/types';

export function pipeline(spans: number, sessions: number, nowUs: number, sinceUs: number, gone: ReadonlySet<string>): Pipeline {
  const seconds = Math.max(0, nowUs - sinceUs) / 1e6;
  const received = 48_200 + Math.floor(seconds * 310);
  const sampledOut = Math.floor(received * 0.41);
  const inFlight = 12 + Math.floor(seconds) % 40;
  const handed = received - sampledOut - inFlight;
  const onDisk = 1_840 + Math.floor(seconds * 6);
  const quarantined = 96;
  const logs = 9_100 + Math.floor(seconds * 40);
  return {
    time_us: nowUs,
    receivers: [
      {
        name: 'otlp', endpoint: 'http://127.0.0.1:4318', endpoints: { grpc: 'http://127.0.0.1:4317', http: 'http://127.0.0.1:4318' },
        requests: 4_016, by_protocol: { grpc: 3_104, 'http/protobuf': 912 }, spans: received, logs, metrics: 220, bytes: 57_400_000,
        errors: { malformed: 3, unknown_content_type: 1, too_large: 0 }, connection_errors: { idle: 2 },
      },
    ],
    ledger: {
      spans: { received, in_flight: inFlight, fates: { handed, sampled_out: sampledOut } },
      logs: { received: logs, in_flight: 0, fates: { handed: logs } },
    },
    lanes: [
      {
        name: 'store', endpoint: './spanreel-data', state: 'ok', handed, exported: handed - 8, waiting: 8,
        lag_us: 140_000, retries: 0, fates: { exported: handed - 8 },
      },
      {
        name: 'collector', endpoint: 'grpc://collector.example.com:4317', state: 'away', handed, exported: handed - onDisk - quarantined, waiting: 0,
        on_disk: onDisk, on_disk_bytes: onDisk * 810, lag_us: 300e6 + seconds * 1e6, retries: 14,
        last_error: { time_us: nowUs - 4e6, message: 'UNAVAILABLE: connection refused' }, queue: { batches: 2, capacity: 64 }, fates: { exported: handed - onDisk - quarantined, quarantined },
      },
    ],
    queues: [
      { name: 'processor', items: 2, capacity: 64 },
      { name: 'fork', items: 3, capacity: 256 },
      { name: 'batcher-before-sampling', items: 8, capacity: 64 },
      { name: 'sampler', items: 12, capacity: 2048 },
      { name: 'batcher', items: 5, capacity: 64 },
    ],
    spool: {
      bytes: onDisk * 810, budget: 4 * 1024 ** 3, records: onDisk,
      quarantine_requests: 2 - gone.size,
      quarantined: [
        { id: '9f31c2', lane: 'collector', items: 64, bytes: 51_200, reason: 'INVALID_ARGUMENT: attribute "gen_ai.input.messages" exceeds the limit of 32768 bytes', time_us: nowUs - 5_400e6 },
        { id: 'a7780d', lane: 'collector', items: 32, bytes: 20_480, reason: 'PERMISSION_DENIED: tenant "staging" may not write', time_us: nowUs - 600e6 },
      ].filter(({ id }) => !gone.has(id)),
    },
    sampling: { rules: [{ name: 'errors', kept: 212, dropped: 0 }, { name: 'costly', kept: 71, dropped: 0 }, { name: 'rest', kept: 480, dropped: 4_310 }] },
    store: { kind: 'fixture', bytes: 14_800_000, sessions, spans, behind: 8 },
    redaction: {
      dry_run: false, texts: 18_240, changed: 431, detectors: [{ name: 'email', changed: 412 }, { name: 'api-key', changed: 3 }, { name: 'credit-card', changed: 0 }],
      rules: [{ name: 'http.request.header.*', action: 'remove', changed: 16 }],
    },
    memory: { budget: 64 * 1024 ** 2, used: 9_300_000 },
  };
}
