import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { formatRatio } from "../ratio/ratio";
import { Panel } from "./panel";
import { day, exactMoney, formatInteger, isKnown, money, number } from "./words";

/** What the customer buys for most money: products, and the categories they belong to. */
export class ProductsPanel extends Component {
    static template = "clm.CustomerProducts";
    static components = { Panel };
    static props = {
        products: Object,
        money: Object,
    };

    get tables() {
        const { products, categories } = this.props.products;
        return [
            { name: "products", title: _t("Product"), rows: this.rows(products) },
            { name: "categories", title: _t("Category"), rows: this.rows(categories) },
        ];
    }

    often({ times, last }) {
        const values = { times: formatInteger(times), day: day(last) };
        return times === 1 ? _t("once, on %(day)s", values) : _t("%(times)s times, last on %(day)s", values);
    }

    rows(rows) {
        const currencyId = this.props.money.currency.id;
        return rows.map((row) => ({
            ...row,
            number: number(row.quantity),
            often: this.often(row),
            value: money(row.amount, currencyId),
            title: exactMoney(row.amount, currencyId),
            hasShare: isKnown(row.share),
            width: 100 * (row.share || 0),
            part: formatRatio(row.share),
        }));
    }
}
