// Uploads a file with tus-js-client and is interrupted on the way, again and again.
//
//   node resume.mjs FOLDER_OF_THE_CLIENT FILE UPLOAD_URL INTERRUPTIONS
//
// Every second interruption is the client's own: it cuts its connection in the
// middle of a PATCH. At the others it says `kill` and goes on sending until the
// connection breaks. After each it says `interrupted OFFSET_REACHED` and waits
// for a line with the URL where the upload is now; the path of that is the one
// it kept. At the end it says `whole`.

import { createReadStream, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { Transform } from 'node:stream'

const [folder, file, firstUrl, interruptions] = process.argv.slice(2)
const { DefaultHttpStack, Upload } = createRequire(`${folder}/`)('tus-js-client')
const size = statSync(file).size
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Sends bodies so slowly that they can be interrupted, and tells how far they are. */
class Slow {
  constructor(onBytes) {
    this.inner = new DefaultHttpStack({})
    this.onBytes = onBytes
  }

  getName() {
    return 'Slow'
  }

  createRequest(method, url) {
    const request = this.inner.createRequest(method, url)
    const send = request.send.bind(request)
    request.send = (body = null) => {
      if (!body?.pipe) return send(body)
      const { onBytes } = this
      const slow = new Transform({
        transform(chunk, _, done) {
          onBytes(chunk.length)
          setTimeout(() => done(null, chunk), 2)
        },
      })
      slow.size = body.size
      return send(body.pipe(slow))
    }
    return request
  }
}

/** Sends until the end (`true`) or until something broke (`false`). */
function attempt(uploadUrl, stopAt, isOwn) {
  return new Promise((resolve, reject) => {
    let at = null
    const onBytes = (count) => {
      at += count
      if (stopAt === null || at < stopAt) return
      stopAt = null
      if (isOwn) {
        upload.abort(false).then(() => resolve(false), reject)
      } else {
        console.log('kill')
      }
    }
    const upload = new Upload(createReadStream(file), {
      uploadUrl,
      retryDelays: null,
      uploadSize: size,
      httpStack: new Slow(onBytes),
      onAfterResponse(request, response) {
        if (request.getMethod() === 'HEAD') at = Number(response.getHeader('upload-offset'))
      },
      onSuccess: () => resolve(true),
      onError: (error) => {
        // What was not asked for is a fault of the server or of this script.
        if (stopAt !== null || isOwn) reject(error)
        else resolve(false)
      },
    })
    upload.start()
  })
}

let url = firstUrl
for (let n = 1; n <= Number(interruptions); n += 1) {
  const stopAt = Math.floor((size * n) / (Number(interruptions) + 1))
  if (await attempt(url, stopAt, n % 2 === 1)) throw new Error(`not interrupted at ${stopAt}`)
  console.log(`interrupted ${stopAt}`)
  url = (await lines.next()).value
}
if (!(await attempt(url, null, true))) throw new Error('not whole')
console.log('whole')
process.exit(0)
