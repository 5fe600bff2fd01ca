// Where the reader is: a page, the session it is about, and its settings, all in the address after `#`.
//
// The address is the only place where filters, sorting and selection are kept: it can be shared, and
// "back" works. What is behind `#` never reaches a server, so ids of sessions may hold anything.

export type PageName = 'sessions' | 'session' | 'usage' | 'pipeline' | 'compare';

const PAGES: readonly PageName[] = ['sessions', 'session', 'usage', 'pipeline', 'compare'];

export interface Route {
  page: PageName;
  id: string;
  query: URLSearchParams;
}

export function parse(hash: string): Route {
  const [path = '', query = ''] = split(hash.replace(/^#\/?/, ''), '?');
  const [name = '', id = ''] = split(path, '/');
  const page = PAGES.find((known) => known === name) ?? 'sessions';
  return { page, id: decoded(id), query: new URLSearchParams(query) };
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign, typed by hand.
    return text;
  }
}

export function href(page: PageName, id = '', query?: URLSearchParams | Record<string, string>): string {
  const settings = new URLSearchParams(query).toString();
  const path = id ? `${page}/${encodeURIComponent(id)}` : page;
  return `#/${path}${settings ? `?${settings}` : ''}`;
}

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
