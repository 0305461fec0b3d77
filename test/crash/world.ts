import { TwoFolders } from "./scenarios/two-folders.ts";

/** What several scenarios use one after the other, made when the first asks. */
export class World {
  #folders: Promise<TwoFolders> | undefined;

  folders(): Promise<TwoFolders> {
    return (this.#folders ??= TwoFolders.open());
  }

  async close(): Promise<void> {
    await (await this.#folders)?.close();
  }
}
