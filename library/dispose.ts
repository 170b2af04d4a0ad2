/** Ends what an `await using` holds. */

/** Has instances of `type` stop at the end of an `await using`. */
export function disposable(type: { readonly prototype: { stop(): Promise<void> } }): void {
  // The oldest versions of Node.js 20 do not have the symbol yet.
  if (!Symbol.asyncDispose) return;
  Object.defineProperty(type.prototype, Symbol.asyncDispose, {
    configurable: true,
    writable: true,
    value(this: { stop(): Promise<void> }) {
      return this.stop();
    },
  });
}
