// Services refuse by mistake as well: a refusal is believed when it has been met more than once.

/** How often an error of this code has to be met, a pause apart, before it is believed. */
export const doubts = (code: string): number =>
  /^(github|linear)-(conflict|forbidden|not-found|not-installed|refused|unauthorized)$/.test(code) ? 3 : 1
