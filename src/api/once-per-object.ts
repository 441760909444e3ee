// What is made of an object that many share is made once.

/** `make`, whose result is kept for as long as the object itself: neither must change. */
export function oncePerObject<From extends object, Made extends object>(
  make: (from: From) => Made,
): (from: From) => Made {
  const madeOf = new WeakMap<From, Made>();
  return (from) => {
    const known = madeOf.get(from);
    if (known !== undefined) return known;
    const made = make(from);
    madeOf.set(from, made);
    return made;
  };
}

interface Responding<Response> {
  readonly responseSerialize: (response: Response) => Buffer;
}

/** The method, with the bytes of a response kept for as long as the response itself: it must not change. */
export function serializedOnce<Response extends object, Method extends Responding<Response>>(
  method: Method & Responding<Response>,
): Method {
  return { ...method, responseSerialize: oncePerObject(method.responseSerialize) };
}
