// The forms of a prompt's text: what others have written is set apart so that it cannot pose as ours, whatever is in it.

export const section = (title: string, body: string): string => `## ${title}\n\n${body}`
export const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')
export const paragraphs = (...parts: readonly (string | null)[]): string => parts.filter((part) => part !== null).join('\n\n')

/** Escape sequences of terminals: colours and movements (CSI), titles and links (OSC). */
// oxlint-disable-next-line no-control-regex
const escapes = /\u001B\[[0-?]*[ -/]*[@-~]|\u001B\][^\u0007\u001B\n]*(?:\u0007|\u001B\\)?/g
/** What ends a line somewhere: alone, each of these would carry the rest of its line out of a quote. */
const lineEnds = /\r\n|[\r\v\f\u0085\u2028\u2029]/g
/** What no reader sees and a model may read: control characters, overrides of the writing direction, invisible letters. */
// oxlint-disable-next-line no-control-regex
const unseen = /[\u0000-\u0008\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]|[\u{E0000}-\u{E007F}]/gu

/** The text as a reader sees it, in lines that end with a line feed; half a surrogate pair becomes the replacement character. */
export const plain = (text: string): string => text.toWellFormed().replaceAll(escapes, '').replaceAll(lineEnds, '\n').replaceAll(unseen, '')

export const quote = (text: string): string =>
  plain(text)
    .split('\n')
    .map((line) => (line === '' ? '>' : `> ${line}`))
    .join('\n')

/** Of what others have named: it cannot pose as a section of its own, and is no longer than `most` characters. */
export function oneLine(text: string, most = 200): string {
  // Nobody names anything so that its name begins later than this.
  const line = plain(text.slice(0, most * 10))
    .replaceAll(/\s+/g, ' ')
    .trim()
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`
}

/** A name in code: backticks of its own do not end it. */
export function code(text: string): string {
  const name = oneLine(text)
  if (!name.includes('`')) return `\`${name}\``
  const mark = '`'.repeat(longestRun(name, '`') + 1)
  return `${mark} ${name} ${mark}`
}

export const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')

/** A text that would need a longer fence is quoted instead, so that nobody can make a prompt of fences. */
const longestFence = 16

/** A fence longer than any run of its character in the text, so that the text cannot close it. */
export function fenced(text: string): string {
  const body = plain(text).trimEnd()
  for (const mark of ['`', '~']) {
    const fence = mark.repeat(Math.max(2, longestRun(body, mark)) + 1)
    if (fence.length <= longestFence) return `${fence}\n${body}\n${fence}`
  }
  return quote(body)
}

const longestRun = (text: string, mark: string): number =>
  Math.max(0, ...(text.match(new RegExp(`${mark}+`, 'g')) ?? []).map((run) => run.length))
