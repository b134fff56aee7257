// The images among an issue's files that an agent can be shown: by what is in them, not by what they are called.

import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Shown } from './shown-images.ts'

export interface Image {
  /** Absolute. */
  path: string
  mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'
  /** Bytes. */
  size: number
}

/** Of one conversation: where there are more, providers take smaller ones only. */
export const mostImages = 20
/**
 * Bytes of one. Base64 makes four of three, and a provider takes 5 MiB of that.
 * https://platform.claude.com/docs/en/build-with-claude/vision
 */
export const largestImage = (5 * 1024 * 1024 * 3) / 4
/** Bytes of all in one conversation, which is sent whole with each request: a provider takes 32 MB, as base64 and with all words. */
export const largestSum = 20 * 1024 * 1024

export interface FoundImages {
  /** To be handed over. */
  images: Image[]
  /** How many of the files the conversation has had already. */
  before: number
  /** How many more images there are. */
  leftOut: number
}

/**
 * Those that fit beside what the conversation has been shown, in the order of the files: none where they are not `wanted`. A file is known
 * by its name, in whatever folder it is.
 */
export async function findImages(paths: readonly string[], shown: readonly Shown[] = [], wanted = true): Promise<FoundImages> {
  const names = new Set(shown.map(({ name }) => name))
  const found: FoundImages = { images: [], before: 0, leftOut: 0 }
  let places = wanted ? mostImages - shown.length : 0
  let room = largestSum - shown.reduce((sum, { size }) => sum + size, 0)
  for (const path of paths) {
    if (names.has(basename(path))) {
      found.before += 1
      continue
    }
    const seen = await look(path)
    if (seen === null) continue
    if (places > 0 && seen.size <= Math.min(largestImage, room)) {
      found.images.push({ path, ...seen })
      places -= 1
      room -= seen.size
    } else found.leftOut += 1
  }
  return found
}

/** Null for what is no image of these kinds, or not there (any more). */
async function look(path: string): Promise<Omit<Image, 'path'> | null> {
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
