/** A directory that is gone when its scope ends, however it ends. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}
