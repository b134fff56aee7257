// The images among an issue's files that an agent can be shown: by what is in them, not by what they are called.

import { open } from 'node:fs/promises'

export interface Image {
  /** Absolute. */
  path: string
  mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'
}

export const mostImages = 20
export const largestImage = 5 * 1024 * 1024

/** Those that fit, in the order of the files, and how many more there are that are too large or too many. */
export async function findImages(paths: readonly string[]): Promise<{ images: Image[]; leftOut: number }> {
  const images: Image[] = []
  let leftOut = 0
  for (const path of paths) {
    const seen = await look(path)
    if (seen === null) continue
    if (images.length < mostImages && seen.size <= largestImage) images.push({ path, mediaType: seen.mediaType })
    else leftOut += 1
  }
  return { images, leftOut }
}

/** Null for what is no image of these kinds, or not there (any more). */
async function look(path: string): Promise<{ mediaType: Image['mediaType']; size: number } | null> {
  const file = await open(path).catch(() => null)
  if (file === null) return null
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0)
    const mediaType = kindOf(buffer.subarray(0, bytesRead).toString('latin1'))
    return mediaType === null ? null : { mediaType, size }
  } finally {
    await file.close()
  }
}

function kindOf(start: string): Image['mediaType'] | null {
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (/^GIF8[79]a/.test(start)) return 'image/gif'
  return /^RIFF[^]{4}WEBP/.test(start) ? 'image/webp' : null
}
