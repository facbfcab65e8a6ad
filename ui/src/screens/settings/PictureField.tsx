// A file picker that shows at once what was picked, as round as it will be, before anything is saved.
import { useEffect, useId, useState } from 'react'
import { Avatar } from '../../parts/Avatar'
import { Icon } from '../../parts/Icon'
import { pictureProblem } from './picture'

export function PictureField(props: { name: string; present?: string | null; file: File | null; onPick: (file: File | null) => void }) {
  const id = useId()
  const [preview, setPreview] = useState<string | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const { file } = props
  useEffect(() => {
    if (!file) return setPreview(null)
    const url = URL.createObjectURL(file)
    setPreview(url)
    return () => URL.revokeObjectURL(url)
  }, [file])

  const pick = async (picked: File | undefined) => {
    if (!picked) return
    const wrong = await pictureProblem(picked).catch(() => 'The file cannot be read.')
    setProblem(wrong)
    props.onPick(wrong ? null : picked)
  }

  return (
    <div className="picture">
      {preview ? (
        <img
          src={preview}
          className="avatar avatar-64"
          width={64}
          height={64}
          alt={`Preview of ${file?.name ?? 'the picture'}`}
          onError={() => {
            setProblem('This picture cannot be shown; it may be damaged.')
            props.onPick(null)
          }}
        />
      ) : props.name || props.present ? (
        <Avatar name={props.name} url={props.present} size={64} />
      ) : (
        <span className="avatar avatar-64 avatar-nobody" aria-hidden="true">
          <Icon name="person" size={28} />
        </span>
      )}
      <div>
        <label className="button button-small file-button" htmlFor={id}>
          <Icon name="plus" size={14} /> {preview || props.present ? 'Change picture' : 'Choose picture'}
          <input
            id={id}
            type="file"
            accept="image/png,image/jpeg"
            aria-label="Avatar picture"
            onChange={(event) => {
              void pick(event.target.files?.[0])
              event.target.value = ''
            }}
          />
        </label>
        {preview ? (
          <button type="button" className="link" onClick={() => props.onPick(null)}>
            Remove
          </button>
        ) : null}
        {problem ? (
          <p className="field-error" role="alert">
            {problem}
          </p>
        ) : (
          <p className="note">PNG or JPEG, up to 200 KB; cropped to a circle.</p>
        )}
      </div>
    </div>
  )
}
