import { Component, onWillUpdateProps, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDate, deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { Panel } from "./panel";
import { day, exactMoney, formatInteger, isKnown, money, number } from "./words";

const AT_A_TIME = 40;
const ICONS = {
    contact: "fa-user-plus",
    lead: "fa-bullseye",
    opportunity: "fa-star-o",
    quotation: "fa-file-o",
    order: "fa-shopping-cart",
    invoice: "fa-file-text-o",
    refund: "fa-undo",
    contract_start: "fa-handshake-o",
    contract_renewal: "fa-refresh",
    contract_end: "fa-stop-circle-o",
    feedback: "fa-comment-o",
    referral: "fa-share-alt",
    manual: "fa-hand-pointer-o",
};

/** What happened, newest first, by month. More of it comes on demand. */
export class TimelinePanel extends Component {
    static template = "clm.CustomerTimeline";
    static components = { Panel };
    static props = {
        partnerId: Number,
        timeline: Object,
        memory: Object, // what was shown before something was opened; kept by the page
        money: Object,
        open: Function,
    };

    setup() {
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        const { memory, timeline } = this.props;
        this.state = useState(memory.count === timeline.count ? { ...memory.shown, isLoading: false } : this.begin(timeline));
        onWillUpdateProps(({ timeline: next }) => {
            if (next !== this.props.timeline) {
                Object.assign(this.state, this.begin(next));
            }
        });
    }

    begin(timeline) {
        return { entries: timeline.entries, hasMore: timeline.has_more, kinds: [], isLoading: false, error: "" };
    }

    remember() {
        const { entries, hasMore, kinds } = this.state;
        Object.assign(this.props.memory, {
            count: this.props.timeline.count,
            shown: { entries: [...entries], hasMore, kinds: [...kinds], error: "" },
        });
    }

    // --- more -----------------------------------------------------------------

    async load(offset) {
        this.state.isLoading = true;
        this.state.error = "";
        try {
            const { entries, has_more: hasMore } = await this.keepLast.add(
                this.orm.silent.call("clm.customer.page", "get_timeline", [
                    this.props.partnerId,
                    offset,
                    AT_A_TIME,
                    this.state.kinds,
                ])
            );
            this.state.entries = offset ? this.append(entries) : entries;
            this.state.hasMore = hasMore;
            this.remember();
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Try again.");
        }
        this.state.isLoading = false;
    }

    /** What happened meanwhile moves the rest down: nothing is shown twice. */
    append(entries) {
        const known = new Set(this.state.entries.map(({ id }) => id));
        return [...this.state.entries, ...entries.filter(({ id }) => !known.has(id))];
    }

    more() {
        return this.load(this.state.entries.length);
    }

    toggle(kind) {
        const { kinds } = this.state;
        this.state.kinds = kinds.includes(kind) ? kinds.filter((each) => each !== kind) : [...kinds, kind];
        return this.load(0);
    }

    showAll() {
        this.state.kinds = [];
        return this.load(0);
    }

    // --- what is shown --------------------------------------------------------

    get kinds() {
        return this.props.timeline.kinds.map((kind) => ({
            ...kind,
            icon: ICONS[kind.key] || "fa-circle-o",
            number: formatInteger(kind.count),
            isOn: this.state.kinds.includes(kind.key),
        }));
    }

    get progress() {
        const { kinds, count } = this.props.timeline;
        const all = this.state.kinds.length
            ? kinds.filter(({ key }) => this.state.kinds.includes(key)).reduce((sum, kind) => sum + kind.count, 0)
            : count;
        return _t("%(shown)s of %(all)s", { shown: formatInteger(this.state.entries.length), all: formatInteger(all) });
    }

    /** At the turn of a month companies of other time zones may mix two of them. */
    get months() {
        const months = [];
        for (const entry of this.state.entries) {
            const month = entry.day.slice(0, 7);
            if (months.at(-1)?.month !== month) {
                const name = deserializeDate(entry.day).toFormat("LLLL yyyy");
                months.push({ key: `${month}_${months.length}`, month, name, entries: [] });
            }
            months.at(-1).entries.push(this.describe(entry));
        }
        return months;
    }

    describe(entry) {
        const currencyId = this.props.money.currency.id;
        const items = entry.lines.items.map(({ name, quantity }) => (quantity === 1 ? name : `${number(quantity)} × ${name}`));
        if (entry.lines.more) {
            items.push(_t("%s more", formatInteger(entry.lines.more)));
        }
        return {
            ...entry,
            icon: ICONS[entry.kind] || "fa-circle-o",
            on: day(entry.day),
            moment: formatDateTime(deserializeDateTime(entry.date)),
            bought: items.join(", "),
            value: isKnown(entry.amount) ? money(entry.amount, currencyId) : "",
            title: exactMoney(entry.amount, currencyId),
        };
    }
}
