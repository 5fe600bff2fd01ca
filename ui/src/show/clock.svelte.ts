// The present, for what is still open. One timer for the whole page, which stops while it is hidden.

let now = $state(Date.now() * 1000);

export const present = {
  /** Microseconds since 1970, renewed four times a second. */
  get us(): number {
    return now;
  },
};

/** Runs until the function that it returns is called. */
export function tick(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) now = Date.now() * 1000;
  }, 250);
  return () => clearInterval(timer);
}
