import { describe, expect, test } from "@odoo/hoot";
import { queryAllTexts, queryOne } from "@odoo/hoot-dom";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import {
    clickSave,
    contains,
    defineModels,
    fields,
    models,
    mountView,
    onRpc,
} from "@web/../tests/web_test_helpers";
import { formatFigure } from "@clm/kpi_number/kpi_number_field";

describe.current.tags("desktop");
defineMailModels();

class Goal extends models.Model {
    _name = "clm.goal";
    unit = fields.Selection({
        selection: [
            ["count", "Count"],
            ["money", "Money"],
            ["ratio", "Percent"],
            ["days", "Days"],
        ],
    });
    currency_id = fields.Many2one({ relation: "res.currency" });
    value = fields.Float({ digits: [16, 6] });

    _records = [
        { id: 1, unit: "ratio", value: 0.355, currency_id: 1 },
        { id: 2, unit: "money", value: 1234.5, currency_id: 1 },
        { id: 3, unit: "count", value: 12, currency_id: 1 },
        { id: 4, unit: "days", value: 1, currency_id: 1 },
        { id: 5, unit: "days", value: 8.5, currency_id: 1 },
    ];
}
defineModels([Goal]);

const FORM = `<form><field name="value" widget="clm_kpi_number"/></form>`;
const texts = (selector) => queryAllTexts(selector).map((text) => text.replace(/\s+/g, " "));

/** @returns {Promise<number>} what is saved after somebody typed a text */
async function typeIn(resId, text) {
    let saved;
    onRpc("clm.goal", "web_save", ({ args }) => {
        saved = args[1].value;
    });
    await mountView({ type: "form", resModel: "clm.goal", resId, arch: FORM });
    await contains(".o_field_clm_kpi_number input").edit(text);
    await clickSave();
    return saved;
}

test("each row shows its number in the unit of its KPI", async () => {
    await mountView({
        type: "list",
        resModel: "clm.goal",
        arch: `<list><field name="value" widget="clm_kpi_number"/></list>`,
    });
    expect(texts("td[name=value]")).toEqual(["35.5%", "$ 1,234.50", "12", "1 day", "8.5 days"]);
});

test("a share is typed in percent, with or without the sign", async () => {
    expect(await typeIn(1, "90 %")).toBe(0.9);
});

test("a share of the form is shown in percent", async () => {
    await mountView({ type: "form", resModel: "clm.goal", resId: 1, arch: FORM });
    expect(queryOne(".o_field_clm_kpi_number input").value).toBe("35.5%");
});

test("a percentage without a sign is one, too", async () => {
    expect(await typeIn(1, "42")).toBe(0.42);
});

test("money is typed as a number, and days as days", async () => {
    expect(await typeIn(2, "$ 2,000")).toBe(2000);
});

test("a text that is no number is refused", async () => {
    await mountView({ type: "form", resModel: "clm.goal", resId: 3, arch: FORM });
    await contains(".o_field_clm_kpi_number input").edit("many");
    expect(".o_field_clm_kpi_number.o_field_invalid").toHaveCount(1);
});

test("figures of charts have as many digits as say something", () => {
    expect([0.354, 12.345, 1234.5, 0, -7.126, false, null].map(formatFigure)).toEqual([
        "0.35",
        "12.3",
        "1,235",
        "0",
        "-7.13",
        "",
        "",
    ]);
});
