// Light or dark: as the system says, unless the reader chose.
//
// The choice is kept in local storage; where that is forbidden it lasts as long as the page.

export type Choice = 'system' | 'light' | 'dark';

const KEY = 'spanreel.theme';
const NEXT: Record<Choice, Choice> = { system: 'light', light: 'dark', dark: 'system' };

let choice = $state<Choice>('system');
let isDark = $state(false);

export const theme = {
  get choice(): Choice {
    return choice;
  },
  /** What is shown now. Canvases are drawn again when it changes. */
  get isDark(): boolean {
    return isDark;
  },
};

function stored(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

function apply(): void {
  isDark = choice === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : choice === 'dark';
  document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
}

/** To be called once, before the page is shown. */
export function start(): void {
  choice = stored();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
  apply();
}

export function change(): void {
  choice = NEXT[choice];
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  apply();
}

/** The value of a colour of the style sheet, for canvases. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
