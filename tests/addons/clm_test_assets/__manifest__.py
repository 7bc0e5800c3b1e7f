{
    "name": "CLM: Assets for Tests",
    "summary": "Lets browser tests run on Debian's Odoo, which lacks one of the files that the web client loads",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "CLM contributors",
    "license": "LGPL-3",
    "depends": ["mail"],
    "assets": {
        "web.assets_backend": [
            ("remove", "mail/static/lib/selfie_segmentation/selfie_segmentation.js"),
        ],
    },
}
