// Ids that we give to what we make at Linear, so that the same thing made twice is one.

import { createHash } from 'node:crypto'

/** The UUID of a name: always the same. In the form of version 4, the only one that Linear says it takes. */
export function uuidOf(...name: string[]): string {
  const bytes = createHash('sha256').update(JSON.stringify(name)).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
