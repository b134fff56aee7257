// By which a comment, a reply or a review of ours is known again, whatever has become of the answer to it.

/** Nobody sees it in what GitHub shows. */
export const marker = (id: string): string => `<!-- signalbox:${id.replaceAll('--', '- -')} -->`

export const isMarked = (body: string): boolean => body.includes('<!-- signalbox:')
