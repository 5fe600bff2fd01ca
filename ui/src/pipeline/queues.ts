// The queues of a pipeline in plain words. The API has the names that the code and its documentation have.

import type { Pipeline } from '../api/types';

type Queue = Pipeline['queues'][number];

export interface NamedQueue {
  queue: Queue;
  name: string;
  /** What waits there, and for what. */
  explained: string;
}

const WORDS: Record<string, [string, string]> = {
  processor: ['to be checked', 'Waits for redaction and filters, before anything is kept or sent (queue "processor")'],
  fork: ['for the store, to be copied', 'Waits to be copied for the store, which keeps what sampling leaves out (queue "fork")'],
  'batcher-before-sampling': ['for the store, to be batched', 'Waits to become batches for the store (queue "batcher-before-sampling")'],
  sampler: ['to be sampled', 'Waits for sampling to decide whether it is forwarded (queue "sampler")'],
  batcher: ['to be batched', 'Waits to become batches for the destinations (queue "batcher")'],
};

/** Where sampling is not configured there is one rule, which keeps everything. */
export function samples({ sampling }: Pipeline): boolean {
  return (sampling?.rules ?? []).some(({ name, dropped }) => name !== 'rest' || dropped > 0);
}

/** What can wait: without sampling nothing waits for it. */
export function queues(pipeline: Pipeline): NamedQueue[] {
  const used = pipeline.queues.filter(({ name, items }) => name !== 'sampler' || items > 0 || samples(pipeline));
  return used.map((queue) => {
    const [name, explained] = WORDS[queue.name] ?? [queue.name.replaceAll(/[-_]/g, ' '), `Queue "${queue.name}"`];
    return { queue, name, explained };
  });
}
