import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { Sparkline } from "../cockpit/sparkline";
import { formatRatio } from "../ratio/ratio";
import { Panel } from "./panel";
import { day, days, formatInteger, isKnown, number } from "./words";

/** How the customer is doing and why, and how often it buys. */
export class HealthPanel extends Component {
    static template = "clm.CustomerHealth";
    static components = { Panel, Sparkline };
    static props = {
        health: { type: [Object, { value: null }], optional: true },
        rhythm: { type: [Object, { value: null }], optional: true },
        value: Object,
    };

    // --- health ---------------------------------------------------------------

    /** Never told by its colour alone. */
    get band() {
        return {
            red: { label: _t("At risk"), icon: "fa-exclamation-triangle" },
            yellow: { label: _t("To watch"), icon: "fa-eye" },
            green: { label: _t("Healthy"), icon: "fa-check-circle" },
        }[this.props.health.band];
    }

    get why() {
        return _t("Why %s?", formatInteger(this.props.health.score));
    }

    get change() {
        const { change } = this.props.health;
        if (!isKnown(change)) {
            return "";
        }
        if (!change) {
            return _t("as last month");
        }
        const points = formatInteger(Math.abs(change));
        return change > 0 ? _t("%s more than last month", points) : _t("%s less than last month", points);
    }

    get coverage() {
        const { coverage } = this.props.health;
        return isKnown(coverage) && coverage < 1 ? _t("%s of what counts is known.", formatRatio(coverage)) : "";
    }

    /** One month alone is no trend. */
    get hasTrend() {
        return this.props.health.months.filter(({ value }) => isKnown(value)).length > 1;
    }

    get parts() {
        return this.props.health.parts.map((part) => ({
            ...part,
            isUnknown: !isKnown(part.value),
            width: 100 * (part.value || 0),
            sum: isKnown(part.value)
                ? _t("%(points)s of %(most)s", {
                      points: formatInteger(Math.round(part.points)),
                      most: formatInteger(Math.round(100 * part.weight)),
                  })
                : _t("not known"),
        }));
    }

    // --- rhythm ---------------------------------------------------------------

    /** What is expected was computed last night: it no longer holds if the customer bought since. */
    get rhythm() {
        const { value } = this.props;
        const rhythm = this.props.rhythm || {};
        const isOutdated = value.last_purchase > rhythm.last;
        const facts = [
            { name: "segment", label: _t("Segment"), text: rhythm.segment },
            { name: "every", label: _t("Usually buys every"), text: isKnown(rhythm.days) ? days(rhythm.days) : "" },
            { name: "last", label: _t("Last purchase"), text: value.last_purchase && `${day(value.last_purchase)} (${this.ago(value.days_since)})` },
            { name: "next", label: _t("Next purchase expected"), text: !isOutdated && this.expected(rhythm), isLate: rhythm.is_overdue },
            { name: "alive", label: _t("Buys again"), text: isKnown(rhythm.alive) ? _t("%s likely", formatRatio(rhythm.alive)) : "" },
            { name: "expected", label: _t("Expected in 90 days"), text: isKnown(rhythm.expected) ? this.purchases(rhythm.expected) : "" },
            { name: "since", label: _t("First purchase"), text: day(value.first_purchase) },
        ];
        return facts.filter(({ text }) => text);
    }

    purchases(count) {
        const shown = number(Math.round(10 * count) / 10);
        return shown === number(1) ? _t("1 purchase") : _t("%s purchases", shown);
    }

    expected(rhythm) {
        return rhythm.is_overdue ? _t("%s, overdue", day(rhythm.next)) : day(rhythm.next);
    }

    ago(count) {
        return count ? _t("%s ago", days(count)) : _t("today");
    }
}
