// The sections of an issue's description, read line by line: what people use as headings, and nothing that only looks like one.

import { plain } from './markdown.ts'

export interface DescriptionSection {
  /** As it is written, without the marks; null for what stands before the first heading. */
  title: string | null
  /** 1 to 6; what is only set in bold, or ends with a colon, is below all others. 0 without a title. */
  level: number
  /** The lines below the heading, those of deeper headings apart. */
  text: string
  /** What the section says, where its title is one that is known for it. */
  role: Role | null
  /** From 1: the line of the heading. */
  line: number
}

/** What an agent has to find in a description, in the order in which a title is looked at. */
const roles = {
  'out of scope':
    /^(out[ -]of[ -]scope|non[ -]?goals?|not in scope|no[tn] (part of|included)|exclu(ded|sions?)|what (this|it) is not|won'?t do)\b/i,
  'acceptance criteria':
    /^(acceptance|definition of done|done when|success( criteria| metrics)?|requirements?|must[ -]haves?|criteria|checklist|expected( behaviou?r| results?| outcome)?|deliverables?|verification|how to (test|verify)|test plan|ac\b)/i,
  scope:
    /^((in )?scope|what to (change|do)|tasks?|to-?dos?|work items?|proposed (change|solution)s?|proposal|solution|plan|steps?\b(?! to reproduce)|implementation)\b/i,
  goal: /^(goals?|objectives?|aims?|summary|overview|purpose|motivation|why|user story|problem( statement)?|background|context|description|what happens|actual( behaviou?r| results?)?|bug)\b/i,
  'relevant code': /^(relevant (code|files)|code( pointers)?|files?|pointers|where to look|affected (files|code|areas?)|entry points?)\b/i,
} as const
export type Role = keyof typeof roles

const roleNames = Object.keys(roles) as Role[]

function roleOf(title: string): Role | null {
  // Emoji, numbers and marks before the words say nothing.
  const words = title.replace(/^[^\p{L}]+/u, '')
  return roleNames.find((role) => roles[role].test(words)) ?? null
}

interface Heading {
  title: string
  level: number
  /** Lines that the heading takes. */
  lines: 1 | 2
}

const boldLevel = 7

/** Nobody reads more than this as a heading. */
const longestHeading = 300

export function parseDescription(description: string): DescriptionSection[] {
  const lines = plain(description).split('\n')
  const isText = textLines(lines)
  const sections: (DescriptionSection & { body: string[] })[] = []
  const open = (title: string | null, level: number, line: number): void =>
    void sections.push({ title, level, text: '', role: title === null ? null : roleOf(title), line, body: [] })
  open(null, 0, 1)
  for (let at = 0; at < lines.length; at++) {
    const heading = isText[at] ? headingAt(lines, at, isText) : null
    if (heading === null) sections.at(-1)!.body.push(lines[at]!)
    else {
      open(heading.title, heading.level, at + 1)
      at += heading.lines - 1
    }
  }
  return sections
    .map(({ body, ...rest }) => ({
      ...rest,
      text: body
        .join('\n')
        .replace(/^(?:[ \t]*\n)+/, '')
        .trimEnd(),
    }))
    .filter(({ title, text }) => title !== null || text !== '')
}

/** Which lines are Markdown's own: those in fences, comments and blocks of HTML that are shown as they are, are not. */
function textLines(lines: readonly string[]): boolean[] {
  let isOver: ((line: string) => boolean) | null = null
  return lines.map((line) => {
    if (isOver !== null) {
      if (isOver(line)) isOver = null
      return false
    }
    isOver = blockAt(line)
    return isOver === null
  })
}

/** What ends the block that begins in the line; null where none begins. One that ends where it began is none. */
function blockAt(line: string): ((line: string) => boolean) | null {
  const [, fence, info] = /^ {0,3}(?:(?:[-*+]|\d+[.)]) +)*(`{3,}|~{3,})(.*)$/.exec(line) ?? []
  if (fence !== undefined && !(fence.startsWith('`') && info!.includes('`'))) {
    const closing = new RegExp(`^\\s*${fence[0]}{${fence.length},}\\s*$`)
    return (later) => closing.test(later)
  }
  if (/^\s*<!--/.test(line)) return line.includes('-->', line.indexOf('<!--') + 4) ? null : (later) => later.includes('-->')
  const [, tag] = /^\s*<(pre|script|style|textarea)\b/i.exec(line) ?? []
  if (tag === undefined) return null
  const end = new RegExp(`</${tag}>`, 'i')
  return end.test(line) ? null : (later) => end.test(later)
}

const isBlank = (line: string | undefined): boolean => line === undefined || line.trim() === ''

/** What cannot be the text of an underlined heading: lists, quotes, tables, rules, code, HTML. */
const isOther = (line: string): boolean => /^( {4}|\t| {0,3}([-*+] |\d+[.)] |>|\||<|[-*_=][-*_= ]*$))/.test(line)

function headingAt(lines: readonly string[], at: number, isText: readonly boolean[]): Heading | null {
  const line = lines[at]!
  if (line.length > longestHeading) return null
  const [, marks, title] = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/.exec(line) ?? []
  if (marks !== undefined) return (title ?? '') === '' ? null : { title: unmarked(title!), level: marks.length, lines: 1 }
  const [, level, inner] = /^\s*<h([1-6])\b[^>]*>(.*?)<\/h\1>\s*$/i.exec(line) ?? []
  if (inner !== undefined) return { title: unmarked(inner), level: Number(level), lines: 1 }
  const [, summary] = /^\s*(?:<details\b[^>]*>\s*)?<summary\b[^>]*>(.*?)<\/summary>/i.exec(line) ?? []
  if (summary !== undefined) return { title: unmarked(summary), level: boldLevel, lines: 1 }
  // Of one line: a longer paragraph with dashes below is one with a rule after it.
  const isAlone = at === 0 || isBlank(lines[at - 1]) || !isText[at - 1] || isHeadingLine(lines, at - 1, isText)
  if (!isAlone || isBlank(line) || isOther(line)) return null
  const underline = isText[at + 1] ? /^ {0,3}(=+|-{2,})[ \t]*$/.exec(lines[at + 1]!)?.[1] : undefined
  if (underline !== undefined) return { title: unmarked(line.trim()), level: underline.startsWith('=') ? 1 : 2, lines: 2 }
  const [, , bold] = /^\s*(\*\*|__)(?=\S)(.{1,80}?)\1\s*:?\s*$/.exec(line) ?? []
  if (bold !== undefined && !bold.includes('**')) return { title: unmarked(bold), level: boldLevel, lines: 1 }
  // Plain words with a colon, where they are known to head something.
  const [, words] = /^\s*([^.:`]{2,40}):\s*$/.exec(line) ?? []
  return words !== undefined && roleOf(words) !== null ? { title: words.trim(), level: boldLevel, lines: 1 } : null
}

/** Whether a heading ends in the line. */
const isHeadingLine = (lines: readonly string[], at: number, isText: readonly boolean[]): boolean =>
  lines[at]!.length <= longestHeading &&
  (/^ {0,3}#{1,6}[ \t]/.test(lines[at]!) ||
    (at > 0 && isText[at - 1]! && /^ {0,3}(=+|-{2,})[ \t]*$/.test(lines[at]!) && !isBlank(lines[at - 1])) ||
    /^\s*(<h[1-6]\b|(\*\*|__)\S.*(\*\*|__)\s*:?\s*$)/i.test(lines[at]!))

/** Without marks of emphasis, code, links and HTML, and the colon at the end. */
function unmarked(title: string): string {
  const words = title
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/(\*\*|__|`)/g, '')
    .replace(/^([*_])(.*)\1$/, '$2')
    .trim()
  return words.replace(/\s*:$/, '') || title.trim()
}
