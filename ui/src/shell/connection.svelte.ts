// Whether the server sends news to the page that is open now.

let standing = $state<boolean | undefined>(undefined);

export const connection = {
  get stands(): boolean {
    return standing === true;
  },
  get isLost(): boolean {
    return standing === false;
  },
  /** `undefined` where the page asks for no news. */
  set(stands: boolean | undefined): void {
    standing = stands;
  },
};
