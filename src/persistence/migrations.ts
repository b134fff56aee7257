// The numbered migrations, oldest first; each runs in one transaction. Never edit one that has been released: add the next.

import { actorSchema } from './actor-schema.ts'

export const migrations: readonly { name: string; sql: string }[] = [{ name: 'actors', sql: actorSchema }]
