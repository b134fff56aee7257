// Encrypts what must not be read in the database: AES-256-GCM, with the name of the key beside it so that keys can be changed.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Secret } from '../../../config-values.ts'
import { ConfigurationError } from '../../../errors.ts'

export interface Vault {
  /** `about` says what the text belongs to; it opens only for the same. Throws ConfigurationError `no-token-key`. */
  seal: (text: string, about: string) => string
  /** Throws ConfigurationError `no-token-key` and `wrong-token-key`. */
  open: (sealed: string, about: string) => string
  /** Whether it was sealed with a former key. */
  isOld: (sealed: string) => boolean
}

const ivBytes = 12
const tagBytes = 16

interface Key {
  id: string
  bytes: Buffer
}

function toKey(secret: Secret): Key {
  const bytes = createHash('sha256').update(secret.reveal()).digest()
  // The name is of the key's digest: it says nothing of the key.
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes }
}

export function createVault({ tokenKey, formerTokenKeys }: { tokenKey: Secret | null; formerTokenKeys: readonly Secret[] }): Vault {
  let keys: Key[] | undefined
  // Read when it is needed first: a secret that is not there keeps nothing else from starting.
  const all = (): [Key, ...Key[]] => {
    if (tokenKey === null) {
      throw new ConfigurationError(
        'no-token-key',
        'tracker.tokenKey is not set: without it no Linear workspace can be connected, and no token read. Set it to a long random text.',
      )
    }
    keys ??= [tokenKey, ...formerTokenKeys].map(toKey)
    return keys as [Key, ...Key[]]
  }
  const wrongKey = (cause?: unknown): ConfigurationError =>
    new ConfigurationError(
      'wrong-token-key',
      'The tokens of Linear in the database were encrypted with another key. Put the one that was used before into tracker.formerTokenKeys, or run `signalbox connect linear` again.',
      { cause },
    )

  return {
    seal(text, about) {
      const [{ id, bytes }] = all()
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', bytes, iv).setAAD(Buffer.from(about))
      const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `v1.${id}.${Buffer.concat([iv, cipher.getAuthTag(), ciphertext]).toString('base64')}`
    },
    open(sealed, about) {
      const [version, id, data = ''] = sealed.split('.')
      const key = all().find((one) => one.id === id)
      if (version !== 'v1' || key === undefined) throw wrongKey()
      const bytes = Buffer.from(data, 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, ivBytes))
          .setAAD(Buffer.from(about))
          .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
      } catch (error) {
        throw wrongKey(error)
      }
    },
    isOld: (sealed) => sealed.split('.')[1] !== all()[0].id,
  }
}
