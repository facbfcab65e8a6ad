// Settings → Users (TB-202): who can trade here, all of it from the server's registry.
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { api } from '../../data/api'
import { explain, isMissing, Problem } from '../../data/client'
import { usePersona } from '../../data/persona'
import { usePersonas } from '../../data/queries'
import type { Persona } from '../../data/types'
import { Avatar } from '../../parts/Avatar'
import { Chip, Failed, Panel, Skeleton } from '../../parts/basics'
import { Dialog } from '../../parts/Dialog'
import { Icon } from '../../parts/Icon'
import { useToast } from '../../parts/toasts'
import { PictureField } from './PictureField'

const NAME_MAX = 60
const BIO_MAX = 500

/** Sends the picture; tells in words what happened to it when it was not taken. */
async function sendPicture(userId: string, file: File): Promise<string | null> {
  try {
    await api.putAvatar(userId, file)
    return null
  } catch (error) {
    if (isMissing(error)) return 'The picture was not saved: this server does not take pictures yet.'
    return `The picture was not saved: ${explain(error)}`
  }
}

export default function Users() {
  const personas = usePersonas()
  return (
    <div className="grid grid-users">
      <Panel
        title="Users"
        asOf={personas.dataUpdatedAt || null}
        failed={personas.isError}
        note={personas.data ? String(personas.data.length) : undefined}
      >
        {personas.data ? (
          <ul className="users">
            {personas.data.map((persona) => (
              <UserRow key={persona.userId} persona={persona} />
            ))}
          </ul>
        ) : personas.isError ? (
          <Failed what="The users cannot be read." why={explain(personas.error)} onRetry={() => void personas.refetch()} />
        ) : (
          <div className="panel-pad">
            <Skeleton lines={4} height={32} />
          </div>
        )}
      </Panel>
      <NewUser />
    </div>
  )
}

interface Draft {
  name: string
  bio: string
  file: File | null
}

function fieldsOf(error: unknown): { name?: string; bio?: string; form?: string } {
  if (error instanceof Problem && error.errors.length > 0) {
    const known = { name: error.fieldMessage('displayName') ?? error.fieldMessage('userId'), bio: error.fieldMessage('bio') }
    if (known.name || known.bio) return known
  }
  return { form: explain(error) }
}

function UserForm(props: {
  draft: Draft
  onChange: (draft: Draft) => void
  present?: string | null
  errors: { name?: string; bio?: string; form?: string }
  busy: boolean
  submitLabel: string
  onSubmit: () => void
  onCancel?: () => void
  /** Somebody asked for this form just now: typing goes to its name. */
  focused?: boolean
  idPrefix: string
}) {
  const { draft, onChange, errors } = props
  const nameId = `${props.idPrefix}-name`
  const bioId = `${props.idPrefix}-bio`
  return (
    <form
      className="user-form"
      onSubmit={(event) => {
        event.preventDefault()
        if (!props.busy) props.onSubmit()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && props.onCancel && !props.busy) props.onCancel()
      }}
    >
      <PictureField name={draft.name} present={props.present} file={draft.file} onPick={(file) => onChange({ ...draft, file })} />
      <div className="field">
        <label htmlFor={nameId}>Name</label>
        <input
          id={nameId}
          className="input"
          value={draft.name}
          maxLength={NAME_MAX}
          autoComplete="off"
          autoFocus={props.focused}
          aria-invalid={errors.name !== undefined}
          aria-describedby={errors.name ? `${nameId}-error` : undefined}
          onChange={(event) => onChange({ ...draft, name: event.target.value })}
        />
        {errors.name ? (
          <p className="field-error" id={`${nameId}-error`}>
            {errors.name}
          </p>
        ) : null}
      </div>
      <div className="field">
        <label htmlFor={bioId}>
          Description <span className="note">(optional)</span>
        </label>
        <textarea
          id={bioId}
          className="input"
          rows={2}
          value={draft.bio}
          maxLength={BIO_MAX}
          onChange={(event) => onChange({ ...draft, bio: event.target.value })}
        />
        {errors.bio ? <p className="field-error">{errors.bio}</p> : null}
      </div>
      {errors.form ? (
        <p className="field-error" role="alert">
          {errors.form}
        </p>
      ) : null}
      <div className="form-actions">
        {props.onCancel ? (
          <button type="button" className="button" onClick={props.onCancel} disabled={props.busy}>
            Cancel
          </button>
        ) : null}
        <button type="submit" className="button button-primary" disabled={props.busy}>
          {props.busy ? 'Saving…' : props.submitLabel}
        </button>
      </div>
    </form>
  )
}

function NewUser() {
  const queries = useQueryClient()
  const toast = useToast()
  const nothing: Draft = { name: '', bio: '', file: null }
  const [draft, setDraft] = useState(nothing)
  const [errors, setErrors] = useState<ReturnType<typeof fieldsOf>>({})
  const [busy, setBusy] = useState(false)

  const save = async () => {
    const name = draft.name.trim()
    if (name === '') return setErrors({ name: 'Give a name.' })
    setBusy(true)
    setErrors({})
    try {
      const { value: persona } = await api.createPersona(name, draft.bio.trim())
      const trouble = draft.file ? await sendPicture(persona.userId, draft.file) : null
      await queries.invalidateQueries({ queryKey: ['personas'] })
      setDraft(nothing)
      toast({
        tone: trouble ? 'warning' : 'good',
        text: trouble ? `${persona.displayName} was added. ${trouble}` : `${persona.displayName} was added.`,
      })
    } catch (error) {
      setErrors(
        error instanceof Problem && error.code === 'PERSONA_EXISTS'
          ? { name: 'Somebody with this name is there already, or was once; choose another.' }
          : fieldsOf(error),
      )
    } finally {
      setBusy(false)
    }
  }
  return (
    <Panel title="New user">
      <div className="panel-pad">
        <UserForm
          idPrefix="new-user"
          draft={draft}
          onChange={(next) => {
            setDraft(next)
            setErrors({})
          }}
          errors={errors}
          busy={busy}
          submitLabel="Add user"
          onSubmit={() => void save()}
        />
      </div>
    </Panel>
  )
}

function UserRow({ persona }: { persona: Persona }) {
  const { active, switchTo } = usePersona()
  const queries = useQueryClient()
  const toast = useToast()
  const [editing, setEditing] = useState(false)
  const [asking, setAsking] = useState(false)
  const [draft, setDraft] = useState<Draft>({ name: '', bio: '', file: null })
  const [errors, setErrors] = useState<ReturnType<typeof fieldsOf>>({})
  const [busy, setBusy] = useState(false)
  const isActive = active?.userId === persona.userId
  const editButton = useRef<HTMLButtonElement>(null)
  const edited = useRef(false)
  // Back from the form: the focus goes where it came from, not to the top of the page.
  useEffect(() => {
    if (!editing && edited.current) editButton.current?.focus()
    edited.current = editing
  }, [editing])

  const edit = () => {
    setDraft({ name: persona.displayName, bio: persona.bio, file: null })
    setErrors({})
    setEditing(true)
  }

  const save = async () => {
    const name = draft.name.trim()
    if (name === '') return setErrors({ name: 'Give a name.' })
    setBusy(true)
    try {
      if (name !== persona.displayName || draft.bio !== persona.bio) await api.updatePersona(persona.userId, name, draft.bio.trim())
      const trouble = draft.file ? await sendPicture(persona.userId, draft.file) : null
      await queries.invalidateQueries({ queryKey: ['personas'] })
      if (trouble) toast({ tone: 'warning', text: trouble })
      setEditing(false)
    } catch (error) {
      setErrors(fieldsOf(error))
    } finally {
      setBusy(false)
    }
  }

  const restore = async () => {
    try {
      await api.restorePersona(persona.userId)
      await queries.invalidateQueries({ queryKey: ['personas'] })
    } catch (error) {
      toast({ tone: 'bad', text: `${persona.displayName} was not brought back: ${explain(error)}` })
    }
  }

  const remove = async () => {
    setBusy(true)
    try {
      await api.deletePersona(persona.userId)
      await queries.invalidateQueries({ queryKey: ['personas'] })
      toast({ tone: 'info', text: `${persona.displayName} was removed.`, action: { label: 'Undo', run: () => void restore() } })
    } catch (error) {
      const last = error instanceof Problem && error.code === 'PERSONA_LAST'
      toast({ tone: 'bad', text: last ? 'The last user cannot be removed.' : `${persona.displayName} was not removed: ${explain(error)}` })
      setBusy(false)
      setAsking(false)
    }
  }

  if (editing) {
    return (
      <li className="user user-editing">
        <UserForm
          idPrefix={`edit-${persona.userId}`}
          draft={draft}
          onChange={(next) => {
            setDraft(next)
            setErrors({})
          }}
          present={persona.avatarUrl}
          errors={errors}
          busy={busy}
          submitLabel="Save"
          focused
          onSubmit={() => void save()}
          onCancel={() => setEditing(false)}
        />
      </li>
    )
  }
  return (
    <li className="user" aria-current={isActive ? 'true' : undefined}>
      <Avatar name={persona.displayName} url={persona.avatarUrl} size={40} />
      <div className="user-text">
        <p className="user-name">
          {persona.displayName} <span className="note mono">{persona.userId}</span>
        </p>
        {persona.bio ? <p className="user-bio">{persona.bio}</p> : null}
      </div>
      <div className="user-actions">
        {isActive ? (
          <Chip tone="good" icon="check">
            Active
          </Chip>
        ) : (
          <button
            type="button"
            className="button button-small"
            onClick={() => switchTo(persona.userId)}
            aria-label={`Switch to ${persona.displayName}`}
          >
            Switch
          </button>
        )}
        <button
          type="button"
          ref={editButton}
          className="icon-button"
          onClick={edit}
          title="Edit"
          aria-label={`Edit ${persona.displayName}`}
        >
          <Icon name="edit" />
        </button>
        <button
          type="button"
          className="icon-button"
          onClick={() => setAsking(true)}
          title="Delete"
          aria-label={`Delete ${persona.displayName}`}
        >
          <Icon name="trash" />
        </button>
      </div>
      {asking ? (
        <Dialog
          title={`Delete ${persona.displayName}?`}
          onClose={() => setAsking(false)}
          footer={
            <>
              <button type="button" className="button" onClick={() => setAsking(false)} disabled={busy}>
                Keep
              </button>
              <button type="button" className="button button-sell" onClick={() => void remove()} disabled={busy}>
                Delete
              </button>
            </>
          }
        >
          <p>
            {persona.displayName} can place no more orders. Past orders keep the name, the ledger stays as it is, and you can undo this.
          </p>
        </Dialog>
      ) : null}
    </li>
  )
}
