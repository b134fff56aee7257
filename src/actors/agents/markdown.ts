// The forms of a prompt's text: what others have written is set apart so that it cannot pose as ours.

export const section = (title: string, body: string): string => `## ${title}\n\n${body}`
export const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')
export const quote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n')
/** Of what others have named: it cannot pose as a section of its own. */
export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()
export const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')

/** A fence longer than any run of backticks in the text, so that it cannot close it. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text.trimEnd()}\n${fence}`
}
