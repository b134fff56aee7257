// Reads the declarations of Linear's schema out of `@linear/sdk`'s own type file, where its generator has put them.

import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface DeclaredField {
  name: string
  optional: boolean
  /** The TypeScript type as it is written, for example `Maybe<Array<Scalars["String"]>>`. */
  type: string
}

export interface DeclaredType {
  name: string
  /** The types it extends, which are the interfaces of the GraphQL schema. */
  parents: string[]
  fields: DeclaredField[]
  /** Only what the schema answers with says its own name; inputs and arguments do not. */
  isObject: boolean
}

export interface Declarations {
  types: Map<string, DeclaredType>
  enums: Map<string, string[]>
  unions: Map<string, string[]>
  /** The scalars; those of a single word, like a kind of notification, with that word. */
  scalars: Map<string, string | undefined>
}

const builtInScalars = new Set(['ID', 'String', 'Boolean', 'Int', 'Float'])
let cached: Declarations | undefined

export function readDeclarations(): Declarations {
  cached ??= parse(declarationLines())
  return cached
}

/** The folder of the built SDK, which holds its documents, too. */
export function sdkFolder(): string {
  return dirname(fileURLToPath(import.meta.resolve('@linear/sdk')))
}

function declarationLines(): string[] {
  const folder = sdkFolder()
  const file = readdirSync(folder).find((name) => /^index-.*\.d\.mts$/.test(name))
  if (!file) throw new Error(`No type file of the schema in ${folder}: has the layout of @linear/sdk changed?`)
  const text = readFileSync(join(folder, file), 'utf8')
  const start = text.indexOf('//#region src/_generated_documents')
  const end = text.indexOf('//#endregion', start)
  if (start < 0 || end < 0) throw new Error(`${file} has no region of generated documents.`)
  return text
    .slice(start, end)
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
}

function parse(lines: string[]): Declarations {
  const found: Declarations = { types: new Map(), enums: new Map(), unions: new Map(), scalars: new Map() }
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    let match: RegExpMatchArray | null
    if (line.startsWith('type Scalars = {')) {
      for (at++; !lines[at]!.startsWith('}'); at++) {
        const scalar = /^ {2}(\w+): (.+);$/.exec(lines[at]!)
        if (scalar && !builtInScalars.has(scalar[1]!)) {
          found.scalars.set(scalar[1]!, /^"(.+)"$/.exec(scalar[2]!)?.[1])
        }
      }
    } else if ((match = /^declare enum (\w+) \{$/.exec(line))) {
      const values: string[] = []
      for (at++; !lines[at]!.startsWith('}'); at++) {
        const value = / = "(.+)",$/.exec(lines[at]!)
        if (value) values.push(value[1]!)
      }
      found.enums.set(match[1]!, values)
    } else if ((match = /^type (\w+) = ((?:\w+ & )*)\{$/.exec(line))) {
      const declared: DeclaredType = {
        name: match[1]!,
        parents: match[2]!.split(' & ').filter((name) => name !== ''),
        fields: [],
        isObject: false,
      }
      for (at++; !lines[at]!.startsWith('}'); at++) {
        const field = /^ {2}(\w+)(\??): (.+);$/.exec(lines[at]!)
        if (!field) continue
        if (field[1] === '__typename') declared.isObject = field[3] === `"${declared.name}"`
        else declared.fields.push({ name: field[1]!, optional: field[2] === '?', type: field[3]! })
      }
      found.types.set(declared.name, declared)
    } else if ((match = /^type (\w+) = (\w+(?: \| \w+)*);$/.exec(line))) {
      found.unions.set(match[1]!, match[2]!.split(' | '))
    }
  }
  return found
}
