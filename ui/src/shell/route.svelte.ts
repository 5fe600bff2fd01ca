// Where the reader is: a page, the session it is about, and its settings, all in the address after `#`.
//
// The address is the only place where filters, sorting and selection are kept: it can be shared, and
// "back" works. What is behind `#` never reaches a server, so ids of sessions may hold anything.

import { href, parse, type PageName, type Route } from './address';

export { href, type PageName };

let current = $state.raw(parse(typeof location === 'undefined' ? '' : location.hash));

export const here = {
  get route(): Route {
    return current;
  },
};

export function go(address: string): void {
  location.hash = address.slice(1);
}

/** Changes settings of this page; `undefined` removes one. `replace` leaves no step to go back to. */
export function set(changes: Record<string, string | undefined>, { replace = false } = {}): void {
  const query = new URLSearchParams(current.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(key);
    else query.set(key, value);
  }
  show(href(current.page, current.id, query), replace);
}

/** Replaces every setting of this page. */
export function setAll(query: URLSearchParams): void {
  show(href(current.page, current.id, query), false);
}

function show(address: string, replace: boolean): void {
  if (address === location.hash) return;
  if (replace) {
    history.replaceState(null, '', address);
    current = parse(address);
  } else {
    location.hash = address.slice(1);
  }
}

/** Follows the address until the function that it returns is called. */
export function follow(): () => void {
  const take = (): void => {
    current = parse(location.hash);
  };
  addEventListener('hashchange', take);
  return () => removeEventListener('hashchange', take);
}
