/** What the home page does beyond its HTML: it keeps the list of open rooms up to date. */
import { keepUpToDate } from "./home/rooms.ts";

const section = document.querySelector<HTMLElement>("[data-rooms]");
if (section) keepUpToDate(section, new AbortController().signal);
