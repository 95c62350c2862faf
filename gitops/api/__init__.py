"""The custom resources as typed models; CRD and reference documentation are generated from them."""
