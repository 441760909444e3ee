// Responses that many calls share are serialized once.

interface Responding<Response> {
  readonly responseSerialize: (response: Response) => Buffer;
}

/** The method, with the bytes of a response kept for as long as the response itself: it must not change. */
export function serializedOnce<Response extends object, Method extends Responding<Response>>(
  method: Method & Responding<Response>,
): Method {
  const bytesOf = new WeakMap<Response, Buffer>();
  const responseSerialize = (response: Response): Buffer => {
    const bytes = bytesOf.get(response) ?? method.responseSerialize(response);
    bytesOf.set(response, bytes);
    return bytes;
  };
  return { ...method, responseSerialize };
}
