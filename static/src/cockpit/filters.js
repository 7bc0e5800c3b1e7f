import { Component } from "@odoo/owl";
import { CheckboxItem } from "@web/core/dropdown/checkbox_item";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { _t } from "@web/core/l10n/translation";

/** What the cockpit shows: kind of period, period, companies and team. */
export class CockpitFilters extends Component {
    static template = "clm.CockpitFilters";
    static components = { CheckboxItem, Dropdown };
    static props = {
        filters: Object,
        data: Object,
        isBusy: Boolean,
        choose: Function,
        refresh: Function,
    };

    // --- period ---------------------------------------------------------------

    /** Newest first. The period shown is among them even if the server's list does not reach that far. */
    get periods() {
        const { period, periods } = this.props.data;
        if (this.findShown(periods) >= 0) {
            return periods;
        }
        const shown = { date: period.date_from, label: period.label };
        return [...periods, shown].sort((one, other) => (one.date < other.date ? 1 : -1));
    }

    get index() {
        return this.findShown(this.periods);
    }

    findShown(periods) {
        const { date_from: from, date_to: to } = this.props.data.period;
        return periods.findIndex(({ date }) => from <= date && date <= to);
    }

    /** @param {number} steps 1 = one period later, -1 = one earlier */
    move(steps) {
        this.props.choose({ date: this.periods[this.index - steps].date });
    }

    get isOldest() {
        return this.index === this.periods.length - 1;
    }

    // --- companies and teams --------------------------------------------------

    isChosen(company) {
        const chosen = this.props.filters.company_ids;
        return !chosen || chosen.includes(company.id);
    }

    get companiesLabel() {
        const { companies } = this.props.data;
        const chosen = companies.filter((company) => this.isChosen(company));
        if (chosen.length === companies.length) {
            return _t("All companies");
        }
        return chosen.length === 1 ? chosen[0].name : _t("%s companies", chosen.length);
    }

    /** One company at least stays chosen; all of them are "as in the company switcher". */
    toggleCompany(company) {
        const { companies } = this.props.data;
        const ids = companies
            .filter((other) => this.isChosen(other) !== (other.id === company.id))
            .map(({ id }) => id);
        if (ids.length) {
            this.props.choose({ company_ids: ids.length === companies.length ? null : ids });
        }
    }

    onTeamChange(ev) {
        this.props.choose({ team_id: Number(ev.target.value) || null });
    }
}
