/** Gives the person a file to keep, as a click on a link to it would. */
export function download(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser takes the file over after the click; a minute later it has begun everywhere.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
