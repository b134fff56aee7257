// The dialog of an action that asks for something first.

import { element } from './element.js'

/** `perform(action)` answers a refusal, which stays in the dialog, or null, which closes it. */
export function openDialog({ action, label, field, choice, isGrave }, perform) {
  const input = field && element('textarea', { id: 'dialog-field', rows: 4, required: field.required ?? false })
  const select = choice && element('select', { id: 'dialog-field' }, ...choice.values.map((value) => element('option', { value }, value)))
  const problem = element('p.message', { role: 'alert' })
  const submit = element(`button.${isGrave ? 'grave' : 'primary'}`, { type: 'submit' }, label)
  const dialog = element(
    'dialog',
    { 'aria-label': label, onclose: () => dialog.remove() },
    element(
      'form',
      {
        onsubmit: async (event) => {
          event.preventDefault()
          const value = (input ?? select).value
          submit.disabled = true
          const refusal = await perform({ action, ...(value.trim() === '' ? {} : { [(field ?? choice).name]: value }) })
          submit.disabled = false
          if (refusal === null) dialog.close()
          else problem.textContent = refusal.message
        },
      },
      element('h2', {}, label),
      element('label', { htmlFor: 'dialog-field' }, (field ?? choice).label),
      input ?? select,
      problem,
      element('.line', {}, submit, element('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')),
    ),
  )
  document.body.append(dialog)
  dialog.showModal()
}
