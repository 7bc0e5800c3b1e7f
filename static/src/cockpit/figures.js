import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger, formatMonetary, formatPercentage } from "@web/views/fields/formatters";

export const isKnown = (value) => typeof value === "number";

/** Money as short as a tile needs it: whole units from a thousand on, "1.23M" from a million on. */
function formatShortMoney(value, currencyId) {
    const size = Math.abs(value);
    const options = size < 1000 ? {} : { digits: [false, size < 1e6 ? 0 : 2], humanReadable: size >= 1e6 };
    return formatMonetary(value, { currencyId, ...options });
}

/**
 * @param {number|null} value
 * @param {"count"|"number"|"money"|"ratio"|"days"|"score"} unit
 * @param {number} currencyId
 * @param {{exact?: boolean}} options `exact`: money is never shortened
 * @returns {string} "n/a" where there is no value
 */
export function formatFigure(value, unit, currencyId, { exact = false } = {}) {
    if (!isKnown(value)) {
        return _t("n/a");
    }
    const decimals = (digits) => formatFloat(value, { digits: [false, digits], trailingZeros: false });
    switch (unit) {
        case "count":
            return formatInteger(Math.round(value));
        case "money":
            return exact ? formatMonetary(value, { currencyId }) : formatShortMoney(value, currencyId);
        case "ratio":
            return formatPercentage(value, { digits: [false, 1] });
        case "days":
            return value === 1 ? _t("1 day") : _t("%s days", decimals(Math.abs(value) < 10 ? 1 : 0));
        case "score":
            return decimals(0);
        default:
            return decimals(2);
    }
}

/** @param {number} value relative change, 0.25 = a quarter more; beyond ten times as much the number says nothing */
export function formatChange(value) {
    const size = Math.min(Math.abs(value), 9.99);
    const text = formatPercentage(size, { digits: [false, size < 0.1 ? 1 : 0] });
    const sign = value > 0 ? "+" : value < 0 ? "−" : "";
    return (Math.abs(value) > size ? "> " : "") + sign + text;
}

/** @returns {string} how far away a deadline is; late when negative */
export function formatDaysLeft(days) {
    if (days === 0) {
        return _t("today");
    }
    if (days < 0) {
        return days === -1 ? _t("1 day late") : _t("%s days late", formatInteger(-days));
    }
    return days === 1 ? _t("in 1 day") : _t("in %s days", formatInteger(days));
}

/** What a status is called and looks like: never told by its colour alone. */
export function describeStatus(status) {
    return {
        on: { label: _t("On track"), icon: "fa-check-circle" },
        off: { label: _t("Off track"), icon: "fa-exclamation-triangle" },
        few: { label: _t("Too few data"), icon: "fa-question-circle" },
        none: { label: _t("No goal"), icon: "fa-circle-o" },
        na: { label: _t("No value"), icon: "fa-minus-circle" },
    }[status];
}
