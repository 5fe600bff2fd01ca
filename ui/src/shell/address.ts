// The form of addresses behind `#`: `#/PAGE/ID?SETTINGS`.

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
