/** command: run on the operator's machine; exit code 0 proves that the host is off. statement: the operator's word for it. */
export type FenceWord =
  | { readonly command: string; readonly statement?: undefined }
  | { readonly statement: string; readonly command?: undefined };
