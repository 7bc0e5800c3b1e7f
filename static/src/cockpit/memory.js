import { serializeDate, today } from "@web/core/l10n/dates";
import { browser } from "@web/core/browser/browser";
import { user } from "@web/core/user";
import { session } from "@web/session";

export const NO_FILTERS = { period: null, date: null, company_ids: null, team_id: null };

const storageKey = () => `clm.cockpit/${session.db}/${user.userId}`;

/** Keep what the user chose for the next time, in this browser. */
export function rememberFilters(filters) {
    try {
        browser.localStorage.setItem(storageKey(), JSON.stringify({ ...filters, day: serializeDate(today()) }));
    } catch {
        // the browser keeps nothing (private window, full storage): the next visit starts with the defaults
    }
}

/** The chosen period is kept until the end of the day only: the next morning begins with the open one. */
export function recallFilters() {
    let kept;
    try {
        kept = JSON.parse(browser.localStorage.getItem(storageKey()));
    } catch {
        kept = null; // not written by this page
    }
    const filters = { ...NO_FILTERS };
    for (const name of Object.keys(filters)) {
        filters[name] = kept?.[name] ?? null;
    }
    if (kept?.day !== serializeDate(today())) {
        filters.date = null;
    }
    return filters;
}

export function forgetFilters() {
    browser.localStorage.removeItem(storageKey());
}
