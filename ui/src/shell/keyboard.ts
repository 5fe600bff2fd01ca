// Keys that work anywhere on the page, but not while something is being typed.
//
// A shortcut is a key (`t`), or two after another (`g s`) within a second.

export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

const PAUSE_MS = 1000;
/** Keys that begin a shortcut of two. What follows one of them within the pause is no shortcut of its own. */
const FIRST = new Set(['g']);

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement
    && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    && !(target instanceof HTMLInputElement && target.type === 'range');
}

/** Listens until the function that it returns is called. */
export function onShortcut(shortcuts: Shortcuts): () => void {
  let first = '';
  let firstAt = 0;

  function take(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const isSecond = first !== '' && event.timeStamp - firstAt < PAUSE_MS;
    const action = isSecond ? shortcuts[`${first} ${event.key}`] : shortcuts[event.key];
    if (action) {
      event.preventDefault();
      action(event);
      first = '';
      return;
    }
    first = FIRST.has(event.key) && !isSecond ? event.key : '';
    firstAt = event.timeStamp;
  }

  addEventListener('keydown', take);
  return () => removeEventListener('keydown', take);
}
