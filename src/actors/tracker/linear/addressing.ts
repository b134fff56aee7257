// Whether a text speaks to us, and what it says without our name.

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** A mention as people write it, and as Linear writes it: a link to the profile. */
const mentionOf = (name: string): string => String.raw`(?:\[@?${escape(name)}\]\([^)]*\)|@${escape(name)}(?![\w-]))`

/** What the text says to one of these names; null when it speaks to none of them. */
export function addressedText(text: string, names: readonly string[]): string | null {
  const all = [...new Set([...names, 'signalbox'].filter((name) => name !== ''))]
  const salutation = String.raw`^\s*(?:(?:hey|hi|hello)[\s,]+)?`
  const ending = String.raw`[\s,:;.!–—-]*`
  const mentions = all.map(mentionOf).join('|')
  const opened = new RegExp(`${salutation}(?:${mentions}|signalbox(?![\\w-]))${ending}`, 'i').exec(text)
  if (opened !== null) return text.slice(opened[0].length).trim()
  return new RegExp(mentions, 'i').test(text) ? text.trim() : null
}
