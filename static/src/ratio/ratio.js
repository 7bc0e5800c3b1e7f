import { registry } from "@web/core/registry";
import { formatPercentage } from "@web/views/fields/formatters";

/**
 * Whole percents; nothing where there is no ratio, because 0 % would be a lie.
 *
 * @param {number|false|null} value ratio, 0.25 = 25 %
 */
export function formatRatio(value) {
    return typeof value === "number" ? formatPercentage(value, { digits: [false, 0] }) : "";
}

registry.category("formatters").add("clm_ratio", formatRatio);
