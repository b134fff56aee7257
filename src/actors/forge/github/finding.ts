// What doctor finds between us and GitHub: how good or bad it is, in words, and what to do about it.

export interface GithubFinding {
  what: string
  level: 'pass' | 'warn' | 'fail'
  message: string
  remedy: string | null
}

export const pass = (what: string, message: string): GithubFinding => ({ what, level: 'pass', message, remedy: null })
export const warn = (what: string, message: string, remedy: string): GithubFinding => ({ what, level: 'warn', message, remedy })
export const fail = (what: string, message: string, remedy: string): GithubFinding => ({ what, level: 'fail', message, remedy })

export const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
