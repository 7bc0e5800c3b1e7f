import { registry } from "@web/core/registry";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { RebuildBanner } from "../rebuild_banner/rebuild_banner";

export class CustomerListController extends ListController {
    static template = "clm.CustomerListView";
    static components = { ...ListController.components, RebuildBanner };
}

registry.category("views").add("clm_customer_list", { ...listView, Controller: CustomerListController });
