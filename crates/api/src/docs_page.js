// Starts Swagger UI over our own document. The box above the operations searches them, not only their tags.

// Every word must be found in the tag, the path, the summary, the description or the name of an operation.
const search = (tags, phrase) => {
  const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  const isMeant = (tag) => (entry) => {
    const told = ["summary", "description", "operationId"].map((field) => entry.getIn(["operation", field]));
    const text = [tag, entry.get("method"), entry.get("path"), ...told].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return tags
    .map((group, tag) => group.update("operations", (entries) => entries.filter(isMeant(tag))))
    .filter((group) => group.get("operations").size > 0);
};

window.onload = () => {
  document.title = "FlexPrice API";
  window.ui = SwaggerUIBundle({
    dom_id: "#swagger-ui",
    url: "/openapi.json",
    validatorUrl: null,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    filter: true,
    plugins: [() => ({ fn: { opsFilter: search } })],
    onComplete: () => {
      document.querySelector(".operation-filter-input").placeholder = "Search: usage, invoice preview, /v1/events …";
    },
  });
};
