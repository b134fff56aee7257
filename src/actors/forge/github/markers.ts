// By which a comment, a reply or a review of ours is known again, whatever has become of the answer to it.

/** Nobody sees it in what GitHub shows. */
export const marker = (id: string): string => `<!-- signalbox:${id.replaceAll('--', '- -')} -->`

export const isMarked = (body: string): boolean => body.includes('<!-- signalbox:')

/** The words alone. */
export const withoutMarkers = (body: string): string => body.replaceAll(/\s*<!-- signalbox:[^\n]*? -->/g, '')
