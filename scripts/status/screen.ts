/** Where the output goes: `process.stdout`, or what a test looks at. */
export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: "resize", listener: () => void): unknown;
  off?(event: "resize", listener: () => void): unknown;
}

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_TO_END_OF_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/**
 * Shows one picture after the other: in place on a terminal (on its alternate screen, without a cursor, and without
 * flicker, since nothing is cleared before it is overwritten), else one below the other.
 */
export class Screen {
  readonly inPlace: boolean;
  readonly #terminal: Terminal;
  #open = false;

  constructor(terminal: Terminal, inPlace: boolean) {
    this.#terminal = terminal;
    this.inPlace = inPlace;
  }

  open(): void {
    if (this.inPlace && !this.#open) this.#terminal.write(ENTER);
    this.#open = true;
  }

  show(picture: string): void {
    if (!this.inPlace) {
      // A table has blank lines in it and needs one after it; a line of JSON does not.
      this.#terminal.write(picture.includes("\n") ? `${picture}\n\n` : `${picture}\n`);
      return;
    }
    if (!this.#open) return;
    const lines = fitLines(picture.split("\n"), this.#terminal.rows ?? 24);
    this.#terminal.write(`${HOME}${lines.map((line) => line + CLEAR_TO_END_OF_LINE).join("\r\n")}${CLEAR_BELOW}`);
  }

  /** Gives the terminal back as it was. Does nothing the second time. */
  close(): void {
    if (this.inPlace && this.#open) this.#terminal.write(LEAVE);
    this.#open = false;
  }
}

/** The last line says how much there was no room for: a picture that scrolls would not stay in place. */
function fitLines(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  return [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines: make the window higher`];
}
