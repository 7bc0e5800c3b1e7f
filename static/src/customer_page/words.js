import { _t } from "@web/core/l10n/translation";
import { deserializeDate, deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { formatFloat, formatInteger } from "@web/views/fields/formatters";
import { formatFigure, isKnown } from "../cockpit/figures";

/** @returns {string} an amount as short as it can be told; a dash where amounts are not for the user */
export function money(value, currencyId) {
    return isKnown(value) ? formatFigure(value, "money", currencyId) : "–";
}

/** @returns {string} the same, not shortened: for the title */
export function exactMoney(value, currencyId) {
    return isKnown(value) ? formatFigure(value, "money", currencyId, { exact: true }) : "";
}

/** @param {string|null} day "2026-01-31" or a moment in UTC */
export function day(text) {
    if (!text) {
        return "";
    }
    return formatDate(text.length > 10 ? deserializeDateTime(text) : deserializeDate(text));
}

export function number(value) {
    return formatFloat(value, { digits: [false, 2], trailingZeros: false });
}

export function days(count) {
    return count === 1 ? _t("1 day") : _t("%s days", formatInteger(count));
}

export { formatInteger, isKnown };
