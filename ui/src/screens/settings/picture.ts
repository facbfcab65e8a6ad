// What can be said about a picture before it is sent. The server looks again, and decodes it in a box of its own.
export const PICTURE_BYTES_MAX = 204_800

/** Null when it may be sent. */
export async function pictureProblem(file: File): Promise<string | null> {
  const head = new Uint8Array(await file.slice(0, 8).arrayBuffer())
  const png = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => head[i] === byte)
  const jpeg = head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff
  if (!png && !jpeg) return 'Not a PNG or JPEG picture.'
  if (file.size > PICTURE_BYTES_MAX) return `Too large: ${Math.ceil(file.size / 1024)} KB, at most 200 KB.`
  return null
}
